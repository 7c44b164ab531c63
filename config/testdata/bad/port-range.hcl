data_dir = "d"
ports {
  dns = 65536
  http = -2
  gossip = -1
}
