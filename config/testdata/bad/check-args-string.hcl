data_dir = "d"
check {
  name = "c"
  args = "/bin/check -w 3"
  interval = "10s"
}
