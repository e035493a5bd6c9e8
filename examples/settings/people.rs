//! The tenants of the demonstration, and the people that one can sign in as.

/// A customer of the product: one workspace on the page, one tenant to the service.
#[derive(Debug)]
pub(crate) struct Tenant {
    /// What the principal token and the directory call it.
    pub(crate) id: &'static str,
    /// What people call it.
    pub(crate) name: &'static str,
    /// None = no row in the directory.
    pub(crate) customer: Option<&'static str>,
    pub(crate) region: &'static str,
    pub(crate) since: &'static str,
}

/// Somebody to sign in as.
#[derive(Debug)]
pub(crate) struct Person {
    /// The user id, and the value of the sign-in form.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) tenant: &'static Tenant,
    /// The role that the product's own sign-in would put into the principal token.
    pub(crate) role: &'static str,
    /// Whether the directory names them an owner now.
    pub(crate) present_owner: bool,
    /// What to expect of them.
    pub(crate) story: &'static str,
}

impl Person {
    pub(crate) fn email(&self) -> String {
        format!("{}@{}.example", self.id, self.tenant.id)
    }

    /// With a capital, as a page says it.
    pub(crate) fn role_name(&self) -> &'static str {
        match self.role {
            "owner" => "Owner",
            "admin" => "Admin",
            _ => "Member",
        }
    }
}

pub(crate) static ACME: Tenant = Tenant {
    id: "acme",
    name: "Acme Robotics",
    customer: Some("cus_AcmeRobotics"),
    region: "Europe (Frankfurt)",
    since: "14 March 2023",
};

/// The flag is off for this one.
pub(crate) static GLOBEX: Tenant = Tenant {
    id: "globex",
    name: "Globex Logistics",
    customer: Some("cus_GlobexLogistics"),
    region: "United States (Ohio)",
    since: "2 September 2024",
};

pub(crate) static INITECH: Tenant = Tenant {
    id: "initech",
    name: "Initech Software",
    customer: None,
    region: "Europe (Ireland)",
    since: "30 June 2026",
};

/// The first tenant is the one that real Stripe knows, too.
pub(crate) static TENANTS: [&Tenant; 3] = [&ACME, &GLOBEX, &INITECH];

/// The first person owns the first tenant.
pub(crate) static PEOPLE: [Person; 6] = [
    Person {
        id: "olivia",
        name: "Olivia Hartmann",
        tenant: &ACME,
        role: "owner",
        present_owner: true,
        story: "Owner of Acme Robotics: can open the billing portal",
    },
    Person {
        id: "adam",
        name: "Adam Okafor",
        tenant: &ACME,
        role: "admin",
        present_owner: false,
        story: "Admin of Acme Robotics: not an owner, so no billing",
    },
    Person {
        id: "mia",
        name: "Mia Lindqvist",
        tenant: &ACME,
        role: "member",
        present_owner: false,
        story: "Member of Acme Robotics: not an owner, so no billing",
    },
    Person {
        id: "gustav",
        name: "Gustav Moreau",
        tenant: &GLOBEX,
        role: "owner",
        present_owner: true,
        story: "Owner of Globex Logistics: the feature flag is off there",
    },
    Person {
        id: "ines",
        name: "Ines Calloway",
        tenant: &INITECH,
        role: "owner",
        present_owner: true,
        story: "Owner of Initech Software: no billing account yet",
    },
    Person {
        id: "felix",
        name: "Felix Brandt",
        tenant: &ACME,
        role: "owner",
        present_owner: false,
        story: "Former owner of Acme Robotics: an old sign-in still says owner, the directory does not",
    },
];

/// Whom a form or a session names.
pub(crate) fn find(id: &str) -> Option<&'static Person> {
    PEOPLE.iter().find(|person| person.id == id)
}
