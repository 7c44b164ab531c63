data_dir = "d"
retry_interval = "10 seconds"
dns_config {
  node_ttl = "-1s"
  service_ttl { web = "8d" }
  recursor_timeout = "5m"
}
