data_dir = "d"
tls { cert_file = "x.pem" key_file = "x.key" }
