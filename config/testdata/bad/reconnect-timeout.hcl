data_dir = "d"
reconnect_timeout = "10s"
