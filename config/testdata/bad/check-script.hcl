data_dir = "d"
check {
  name = "c"
  script = "/bin/check -w 3"
  interval = "10s"
}
