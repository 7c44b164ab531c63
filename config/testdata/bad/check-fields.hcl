data_dir = "d"
check {
  name = "c"
  interval = 10
  http = "http://localhost"
  status = "fine"
  header { A = "b" }
  failures_before_critical = "3"
}
