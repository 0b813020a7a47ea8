module seep.test/memory

go 1.18
