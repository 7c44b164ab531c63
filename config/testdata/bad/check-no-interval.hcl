data_dir = "d"
check {
  name = "c"
  http = "http://localhost"
}
