module seep.test/captures

go 1.18
