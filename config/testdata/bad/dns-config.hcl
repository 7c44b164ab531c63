data_dir = "d"
dns_config {
  udp_answer_limit = 0
  recursor_strategy = "fastest"
  soa { refresh = -1 }
}
