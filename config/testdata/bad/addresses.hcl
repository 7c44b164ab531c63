data_dir = "d"
bind_addr = "host1"
advertise_addr = "0.0.0.0"
client_addr = "127.0.0.1 localhost"
addresses { dns = "" http = "unix:///run/x.sock" }
