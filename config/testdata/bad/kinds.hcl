data_dir = "d"
node_name = 12
log_json = "yes"
retry_join = "10.0.0.1"
recursors = [53]
ports = 8600
services = "web"
rack = ["r1"]
node_meta = { a = 1 }
reconnect_timeout = 72
dns_config { a_record_limit = "3" }
ports { peer = 1.5 }
