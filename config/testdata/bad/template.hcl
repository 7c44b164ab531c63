data_dir = "d"
bind_addr = "{{ GetInterfaceIP \"nosuch0\" }}"
advertise_addr = "{{ range 3 }}x{{ end }}"
