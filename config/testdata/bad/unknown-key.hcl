data_dir = "d"
nodename = "h1"
