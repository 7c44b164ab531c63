data_dir = "d"
addresses {
  http = "0.0.0.0"
}
