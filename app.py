"""Home."""

from alexnet_demo.ui.shell import page

page("Home", "Train AlexNet on Fashion-MNIST.", heading="AlexNet, end to end")
