data_dir = "d"
client_addr = "10.0.0.1"
http_token = "x"
