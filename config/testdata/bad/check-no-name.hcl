data_dir = "d"
check {
  ttl = "10s"
}
