data_dir = "d"
node_name = "dn 25"
