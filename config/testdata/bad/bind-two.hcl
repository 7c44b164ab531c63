data_dir = "d"
bind_addr = "10.0.0.1 10.0.0.2"
