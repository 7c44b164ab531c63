data_dir = "d"
http_token_file = "nosuch.token"
