data_dir = "d"
service {
  name = "web"
  check {
    http = "http://localhost"
    intervall = "10s"
  }
}
