//! The two services: they turn a message into a request to the domain, and its result into a message.

use std::sync::Arc;

use tonic::{Extensions, Request, Response, Status};

use crate::{
    grpc::{
        layers::{deadline::Deadline, session_rate::SessionRate, stack::missing_layer},
        proto::{
            CreatePortalSessionRequest, CreatePortalSessionResponse, GetPortalAccessRequest, GetPortalAccessResponse,
            Reason as AccessReason, billing_portal_server::BillingPortal,
            create_portal_session_request::Flow as FlowField, portal_access_server::PortalAccess,
        },
    },
    portal::{
        CallAudit, CallerConnection, Flow, Locale, Owner, Principal, Refusal, ReturnOrigins, ReturnUrl, UseCases,
        Visibility,
        flow::{Item, SubscriptionId},
        open::PortalRequest,
    },
};

/// The service for owners.
#[derive(Debug)]
pub struct BillingPortalService {
    /// The use cases of the domain.
    pub use_cases: UseCases,
    /// The origins that a return URL may have.
    pub return_origins: ReturnOrigins,
    /// The limit of sessions per person.
    pub session_rate: SessionRate,
}

#[tonic::async_trait]
impl BillingPortal for BillingPortalService {
    async fn create_portal_session(
        &self,
        request: Request<CreatePortalSessionRequest>,
    ) -> Result<Response<CreatePortalSessionResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        let owner: &Owner = extension(&extensions)?;
        let Deadline(deadline) = *extension(&extensions)?;
        let audit: &Arc<CallAudit> = extension(&extensions)?;
        let portal_request = parse_request(&message, &self.return_origins)?;
        audit.record_flow(&portal_request.flow);
        owner.principal().check_displayed_tenant(&message.displayed_tenant_id)?;
        self.session_rate.admit(owner)?;
        let url = self.use_cases.open(owner, &portal_request, deadline, audit).await?;
        Ok(Response::new(CreatePortalSessionResponse { url: url.into_string() }))
    }
}

/// The service for the settings page.
#[derive(Debug)]
pub struct PortalAccessService {
    /// The use cases of the domain.
    pub use_cases: UseCases,
}

#[tonic::async_trait]
impl PortalAccess for PortalAccessService {
    async fn get_portal_access(
        &self,
        request: Request<GetPortalAccessRequest>,
    ) -> Result<Response<GetPortalAccessResponse>, Status> {
        let (_, extensions, message) = request.into_parts();
        let principal: &Principal = extension(&extensions)?;
        let caller: &CallerConnection = extension(&extensions)?;
        let visibility = self.use_cases.visibility(principal, &message.displayed_tenant_id, caller).await?;
        let reason = match visibility {
            Visibility::Allowed => AccessReason::Allowed,
            Visibility::NotOwner => AccessReason::NotOwner,
            Visibility::FeatureDisabled => AccessReason::FeatureDisabled,
            Visibility::NoBillingAccount => AccessReason::NoBillingAccount,
        };
        let visible = visibility == Visibility::Allowed;
        Ok(Response::new(GetPortalAccessResponse { visible, reason: reason.into() }))
    }
}

/// Returns an extension that a layer or an interceptor added.
///
/// # Errors
/// BUG if it is missing: the handler was reached without that layer or interceptor.
fn extension<T: Send + Sync + 'static>(extensions: &Extensions) -> Result<&T, Refusal> {
    extensions.get().ok_or_else(missing_layer)
}

/// Parses the fields in the order of the contract, which decides the refusal when several fields are not valid.
fn parse_request(message: &CreatePortalSessionRequest, origins: &ReturnOrigins) -> Result<PortalRequest, Refusal> {
    let return_url = ReturnUrl::parse(&message.return_url, origins)?;
    let locale = Locale::parse(&message.locale)?;
    let flow = parse_flow(message.flow.as_ref())?;
    let completed_url = return_url.or_completed(message.completed_url.as_deref(), &flow, origins)?;
    Ok(PortalRequest { return_url, locale, flow, completed_url })
}

fn parse_flow(flow: Option<&FlowField>) -> Result<Flow, Refusal> {
    Ok(match flow {
        None => Flow::Home,
        Some(FlowField::PaymentMethodUpdate(_)) => Flow::PaymentMethodUpdate,
        Some(FlowField::CustomerUpdate(_)) => Flow::CustomerUpdate,
        Some(FlowField::SubscriptionCancel(flow)) => Flow::SubscriptionCancel(SubscriptionId::parse(
            &flow.subscription_id,
            "subscription_cancel.subscription_id",
        )?),
        Some(FlowField::SubscriptionUpdate(flow)) => Flow::SubscriptionUpdate(SubscriptionId::parse(
            &flow.subscription_id,
            "subscription_update.subscription_id",
        )?),
        Some(FlowField::SubscriptionUpdateConfirm(flow)) => {
            let id = SubscriptionId::parse(&flow.subscription_id, "subscription_update_confirm.subscription_id")?;
            let item = flow.item.as_ref().ok_or_else(Item::missing)?;
            Flow::SubscriptionUpdateConfirm(id, Item::parse(&item.id, &item.price_id, item.quantity)?)
        }
    })
}

#[cfg(test)]
mod fuzz;
