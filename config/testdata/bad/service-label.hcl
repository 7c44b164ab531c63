data_dir = "d"
service "web" { port = 80 }
