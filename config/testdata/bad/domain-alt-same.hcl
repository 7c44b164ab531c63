data_dir = "d"
alt_domain = "YODEL"
