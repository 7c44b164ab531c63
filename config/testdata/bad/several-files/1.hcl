data_dir = "d"
node_name = "a_b"
