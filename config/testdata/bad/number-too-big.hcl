data_dir = "d"
ports { dns = 99999999999999999999 }
