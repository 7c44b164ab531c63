data_dir = "d"
service { name = "web" }
services = [
  { name = "web" port = 80 },
]
