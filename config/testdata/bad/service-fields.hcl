data_dir = "d"
service {
  name = "web"
  port = 70000
  address = "0.0.0.0"
  tags = "a"
  weights { passing = 0 }
  tagged_addresses { lan { address = "x y" } }
}
