data_dir = "d"
client_addr = "127.0.0.1"
bind_addr = "::"
ports {
  gossip = 8600
}
