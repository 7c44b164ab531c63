data_dir = "d"
ports { dns = 8500 }
