data_dir = "d"
node_name = "dn_25"
