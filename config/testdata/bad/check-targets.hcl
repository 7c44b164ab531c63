data_dir = "d"
check {
  name = "c"
  interval = "-1s"
  http = "localhost"
}
check {
  name = "d"
  interval = "1s"
  tcp = "localhost"
}
