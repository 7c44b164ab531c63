data_dir = "d"
service {
  port = 80
}
