data_dir = "d"
check {
  name = "c"
  args = ["/bin/true"]
  interval = "10s"
}
service {
  name = "web"
  checks = [
    { ttl = "10s" },
    { docker_container_id = "a", args = ["/bin/true"], interval = "10s" },
  ]
}
