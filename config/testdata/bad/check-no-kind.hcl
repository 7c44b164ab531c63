data_dir = "d"
check {
  name = "c"
  interval = "10s"
}
