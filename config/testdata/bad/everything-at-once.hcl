node_name = "h_1"
log_levl = "info"
ports { dns = "53" }
encrypt = "c2hvcnQ="
service {
  port = 80
}
check { name = "disks" args = ["df"] interval = "1m" }
