data_dir = "d"
recursors = ["8.8.8.8", "dns.example.com", "1.1.1.1:0"]
