data_dir = "d"
node_name = "a"
node_name = "b"
