data_dir = "d"
check {
  name = "c"
  interval = "10s"
  tcp = "localhost:80"
  http = "http://localhost"
}
