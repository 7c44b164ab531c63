data_dir = "d"
addresses { dns = "0.0.0.0" }
bind_addr = "10.0.0.1"
ports { dns = 8300 }
