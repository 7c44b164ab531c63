data_dir = "d"
check { name = "c" ttl = "10s" }
service {
  name = "web"
  check {
    id = "c"
    ttl = "10s"
  }
}
