data_dir = "d"
node_name = ""
