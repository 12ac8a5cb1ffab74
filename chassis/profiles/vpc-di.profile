# Virtual Packet Core, distributed instance: control function cards (1:1) and service function cards (1:N), all virtual machines.
name vpc-di
model "VPC-DI"
slots 6
slot 1 CFC
slot 2 CFC
slot 3 SFC
slot 4 SFC
slot 5 SFC
slot 6 SFC
ipsecmgr-per-card 1
sessmgr-per-cpu 1
standby-sessmgr-per-cpu 1
standby-ipsecmgr 2
task-heartbeat 500 2000
task-restart 500 30000
card-heartbeat 250 2000
card-reboot 1500
