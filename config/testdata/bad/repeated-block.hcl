data_dir = "d"
ports { dns = 53 }
ports { http = 8500 }
