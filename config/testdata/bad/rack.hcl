data_dir = "d"
rack = "r 12"
