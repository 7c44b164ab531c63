data_dir = "d"
ports {
  dns = 53

