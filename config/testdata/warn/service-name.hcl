data_dir = "d"
service {
  name = "web_app"
}
service {
  name = "db"
  tags = ["v1.2"]
}
service {
  name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}
