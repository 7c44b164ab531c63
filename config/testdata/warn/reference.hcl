data_dir = "d"
check {
  name = "c"
  service_id = "nosuch"
  ttl = "10s"
}
