module seep.test/views

go 1.18
