data_dir = "d"
encrypt = "c2hvcnQ="
