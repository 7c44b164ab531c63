data_dir = "d"
ports {
  dns = 0
  peer = 0
}
